/** Looks again and again. A look that takes long is not overtaken by a later one, which would then be undone. */
export function repeat(
  everyMs: number,
  look: () => Promise<void>,
): { readonly now: () => void; readonly close: () => void } {
  let looking = false;
  const now = (): void => {
    if (looking) return;
    looking = true;
    void look().finally(() => {
      looking = false;
    });
  };
  const timer = setInterval(now, everyMs).unref();
  return {
    now,
    close: () => {
      clearInterval(timer);
    },
  };
}
