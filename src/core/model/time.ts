/** The present moment, handed in: nothing that judges reads the time by itself. */
export type Clock = () => Date;

/** A moment as records, annotations and conditions spell it: RFC 3339 in UTC, whole seconds. */
export function rfc3339(moment: Date): string {
  return `${moment.toISOString().slice(0, 19)}Z`;
}
