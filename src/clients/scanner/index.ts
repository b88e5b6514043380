// Talks to a scanner of vulnerabilities: Trivy, by its command line, judging alone or with a Trivy server. The only room that
// runs it, and that knows its arguments, its exit codes and its ways to fail. A second scanner would be a file beside it.
export { createTrivy } from './trivy.ts';
