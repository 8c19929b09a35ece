import type { Session } from "@conclave/api";

/** The states of a session as its holder sees them, in an array that grows. */
export function recordStates(session: Session): readonly string[] {
  const states: string[] = [];
  const record = async () => {
    for await (const state of session.states()) states.push(state);
  };
  void record();
  return states;
}
