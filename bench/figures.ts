import { readFileSync } from 'node:fs';

/** Ticks a second in /proc, on every Linux that Node.js runs on. */
const TICKS = 100;

/** What a process takes, as Linux counts it. */
export interface Figures {
  /** Resident memory now and at most since the start, in MiB. */
  readonly residentMiB: number;
  readonly peakMiB: number;
  readonly cpuSeconds: number;
}

/** Reads /proc: there are no figures elsewhere. */
export function figuresOf(pid: number): Figures {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mebibytes = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
  const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const [utime = 0, stime = 0] = fields.split(' ').slice(11, 13).map(Number);
  return {
    residentMiB: mebibytes('VmRSS'),
    peakMiB: mebibytes('VmHWM'),
    cpuSeconds: (utime + stime) / TICKS,
  };
}
