import { type FrameProxy, Opcode, startFrameProxy } from "./frame-proxy.js";

const UNIMPLEMENTED = -6;
const HEADER_BYTES = 16;

/**
 * A server behind a proxy that knows no `addWatch`, as those before 3.6: it answers `UNIMPLEMENTED` and, as they do
 * (`UnimplementedRequestProcessor`), hangs up.
 */
export async function startOldServer(url: string): Promise<FrameProxy & { readonly refused: () => number }> {
  const proxy = await startFrameProxy(url);
  let refused = 0;
  proxy.onRequest = ({ bytes, opcode }) => (opcode === Opcode.addWatch ? harmless(bytes) : "forward");
  proxy.onReply = ({ bytes, opcode, cut }) => {
    if (opcode !== Opcode.addWatch) return "forward";
    refused++;
    cut(answer(bytes));
    return "drop";
  };
  return Object.assign(proxy, { refused: () => refused });
}

/** In its place the server is asked whether "/" exists, so that the answer comes in its turn. */
function harmless(request: Buffer): Buffer {
  const path = Buffer.from("/");
  const frame = Buffer.alloc(4 + 8 + 4 + path.length + 1);
  frame.writeInt32BE(frame.length - 4, 0);
  request.copy(frame, 4, 4, 8);
  frame.writeInt32BE(Opcode.exists, 8);
  frame.writeInt32BE(path.length, 12);
  path.copy(frame, 16);
  return frame;
}

function answer(reply: Buffer): Buffer {
  const frame = Buffer.alloc(4 + HEADER_BYTES);
  frame.writeInt32BE(HEADER_BYTES, 0);
  reply.copy(frame, 4, 4, 4 + HEADER_BYTES);
  frame.writeInt32BE(UNIMPLEMENTED, 16);
  return frame;
}
