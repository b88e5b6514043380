/** A moment as `MicroTime` fields want it: the clock knows three of the six digits, the last three (0 to 999) are given. */
export function microTime(moment: Date, micros = 0): string {
  return moment.toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`);
}
