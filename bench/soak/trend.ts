/** One value at a time, in minutes. */
export interface Point {
  readonly minute: number;
  readonly value: number;
}

/** By how much it grows a minute: the slope of least squares over these points; 0 with fewer than two. */
export function slopeOf(points: readonly Point[]): number {
  const mean = (read: (point: Point) => number) =>
    points.reduce((sum, point) => sum + read(point), 0) / points.length;
  const [x, y] = [mean(({ minute }) => minute), mean(({ value }) => value)];
  const spread = points.reduce((sum, { minute }) => sum + (minute - x) ** 2, 0);
  if (points.length < 2 || spread === 0) return 0;
  return points.reduce((sum, { minute, value }) => sum + (minute - x) * (value - y), 0) / spread;
}

/** The last half: the first one warms up. */
export function lastHalf(points: readonly Point[]): readonly Point[] {
  const end = points.at(-1)?.minute ?? 0;
  return points.filter(({ minute }) => minute >= end / 2);
}
