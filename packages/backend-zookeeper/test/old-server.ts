import { type FrameProxy, Opcode, startFrameProxy } from "./frame-proxy.js";

const UNIMPLEMENTED = -6;
/** Of no request that any server knows. */
const UNKNOWN = 9_999;

/**
 * A server behind a proxy that knows no `addWatch`, as those before 3.6: it is asked for something else that it does not know, and
 * does what every server does then (`UnimplementedRequestProcessor`): it answers `UNIMPLEMENTED` and hangs up.
 */
export async function startOldServer(url: string): Promise<FrameProxy & { readonly refused: () => number }> {
  const proxy = await startFrameProxy(url);
  let refused = 0;
  proxy.onRequest = ({ bytes, opcode }) => {
    if (opcode !== Opcode.addWatch) return "forward";
    const request = Buffer.from(bytes);
    request.writeInt32BE(UNKNOWN, 8);
    return request;
  };
  proxy.onReply = ({ bytes, opcode }) => {
    if (opcode === Opcode.addWatch && bytes.readInt32BE(16) === UNIMPLEMENTED) refused++;
    return "forward";
  };
  return Object.assign(proxy, { refused: () => refused });
}
