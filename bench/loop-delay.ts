// Measures the delay of the event loop of the process that imports it, and counts its timers; on SIGUSR2 it writes the figures to a file and begins anew.
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

if (isMainThread && process.env.LOOP_DELAY_FILE !== undefined) {
  const file = process.env.LOOP_DELAY_FILE;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  process.on('SIGUSR2', () => {
    const ms = (nanoseconds: number) => nanoseconds / 1e6;
    const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const figures = {
      p50: ms(delay.percentile(50)),
      p99: ms(delay.percentile(99)),
      max: ms(delay.max),
      timers,
    };
    writeFileSync(file, JSON.stringify(figures));
    delay.reset();
  });
}
