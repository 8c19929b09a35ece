/** What a listener throws is its own affair: it must not pass for an error of the server. */
export function callBack(run: () => void): void {
  try {
    run();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
