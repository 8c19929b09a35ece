/** Where things stand in the store, and how they are written there. */
export const paths = {
  election: "/leader",
  services: "/services",
  tasks: "/tasks",
  assigned: "/assigned",
  done: "/done",
  task: (task: string) => `/tasks/${task}`,
  assignedTo: (worker: string) => `/assigned/${worker}`,
  assignment: (worker: string, task: string) => `/assigned/${worker}/${task}`,
  result: (task: string) => `/done/${task}`,
} as const;

/** The service under which workers register. */
export const service = "worker";

/** An order to do a task, with the fencing token of the leader that gave it. */
export interface Assignment {
  readonly token: bigint;
}

export interface Result {
  readonly result: string;
  readonly worker: string;
  /** Of the assignment that was carried out. */
  readonly token: bigint;
}

export function encodeAssignment({ token }: Assignment): string {
  return JSON.stringify({ token: token.toString() });
}

export function decodeAssignment(data: Uint8Array): Assignment {
  return { token: BigInt(String(fieldsOf(data).token)) };
}

export function encodeResult({ result, worker, token }: Result): string {
  return JSON.stringify({ result, worker, token: token.toString() });
}

export function decodeResult(data: Uint8Array): Result {
  const { result, worker, token } = fieldsOf(data);
  return { result: String(result), worker: String(worker), token: BigInt(String(token)) };
}

export function decodeText(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

function fieldsOf(data: Uint8Array): Record<string, unknown> {
  const value: unknown = JSON.parse(decodeText(data));
  if (typeof value !== "object" || value === null) throw new Error("a record of the demo is a JSON object");
  return { ...value };
}
