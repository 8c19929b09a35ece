import type {
  CheckOperation,
  CreateOperation,
  DeleteOperation,
  Node,
  SetOperation,
} from "@conclave/api/backend";

export const linearizable = { linearizable: true } as const;

/** As who holds alone looks: at the one directly ahead. */
export const nearest = { label: undefined, limit: 1 } as const;

export function create(path: string, more: Partial<CreateOperation> = {}): CreateOperation {
  const plain = { data: bytes(""), ephemeral: false, sequential: false, parents: false };
  return { type: "create", path, ...plain, ...more };
}

export function set(path: string, data = "", ifVersion?: number): SetOperation {
  return { type: "set", path, data: bytes(data), ifVersion };
}

export function remove(path: string, ifVersion?: number): DeleteOperation {
  return { type: "delete", path, ifVersion };
}

export function check(path: string, exists = true, ifVersion?: number): CheckOperation {
  return { type: "check", path, exists, ifVersion };
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(node: Node | undefined): string | undefined {
  return node === undefined ? undefined : new TextDecoder().decode(node.data);
}
