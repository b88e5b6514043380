import { parseTime } from '../../policy/index.ts';

/**
 * No image is older than images are: Docker was first released in March 2013. What claims to be older was given a fixed date by its
 * build tool (year 1 by Go, 1970 by ko, Jib and Bazel, 1980 by buildpacks and zip, others elsewhere) and claims nothing.
 */
const FIRST_IMAGE = Date.UTC(2013, 2, 1);

/**
 * When an image was made, by what it says; `undefined` = that claims nothing. Only dates and RFC 3339 timestamps are read, as the OCI
 * image specification wants them: others are read differently by each reader.
 */
export function claimedTime(said: string | null | undefined): Date | undefined {
  const moment = parseTime(said ?? '');
  return moment && moment.getTime() >= FIRST_IMAGE ? moment : undefined;
}
