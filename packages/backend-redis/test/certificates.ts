import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What stands in files: an authority, what it vouches for (a server at 127.0.0.1 and a client), and a stranger. */
export interface Certificates {
  /** For the server. */
  readonly files: { readonly ca: string; readonly cert: string; readonly key: string };
  /** For the client. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  /** An authority that vouches for none of them. */
  readonly stranger: string;
  remove(): void;
}

export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "conclave-tls-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const file = (name: string) => join(folder, name);
  const pem = (name: string) => readFileSync(file(name), "utf8");
  const authority = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  for (const name of ["ca", "stranger"]) {
    openssl("req", "-x509", ...key, "-keyout", `${name}.key`, "-out", `${name}.crt`, "-subj", `/CN=${name}`);
  }
  for (const name of ["server", "client"]) {
    const [request, certificate] = [`${name}.csr`, `${name}.crt`];
    const names = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"];
    openssl("req", ...key, "-keyout", `${name}.key`, "-out", request, ...names);
    openssl("x509", "-req", "-in", request, ...authority, "-copy_extensions", "copy", "-out", certificate);
  }
  return {
    files: { ca: file("ca.crt"), cert: file("server.crt"), key: file("server.key") },
    tls: { ca: pem("ca.crt"), cert: pem("client.crt"), key: pem("client.key") },
    stranger: pem("stranger.crt"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
