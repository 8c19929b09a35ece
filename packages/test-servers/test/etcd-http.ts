/** The few etcd requests that these tests make, over its HTTP gateway. */
export async function etcdRequest(
  url: string,
  method: "kv/put" | "kv/range" | "lease/grant",
  body: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/v3/${method}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { connection: "close" },
    ...(signal === undefined ? {} : { signal }),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${JSON.stringify(answer)}`);
  return { ...Object(answer) };
}

export async function put(url: string, key: string, value: string, signal?: AbortSignal): Promise<void> {
  await etcdRequest(url, "kv/put", { key: base64(key), value: base64(value) }, signal);
}

export async function get(url: string, key: string, signal?: AbortSignal): Promise<string | undefined> {
  const { kvs } = await etcdRequest(url, "kv/range", { key: base64(key) }, signal);
  const first: unknown = Array.isArray(kvs) ? kvs[0] : undefined;
  const value = Object(first).value;
  return typeof value === "string" ? Buffer.from(value, "base64").toString() : undefined;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
