/**
 * Starts a watch of processor time: it reports milliseconds of work of this process. On a busy machine, other than the
 * time on the clock, they are hardly more than on an idle one.
 */
export function processorTime(): () => number {
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1_000;
  };
}
