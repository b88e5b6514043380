// The command line: arguments become one call of the core, its result becomes text, JSON or YAML and an exit code.
// Reads no environment and never exits: `main` does.
export { runCommand } from './program.ts';
export { approvingPorts } from './promotion/approve.ts';
export { openPromotions } from './promotion/open-promotions.ts';
export { verifyBundle } from './verify-bundle.ts';
export { REQUIRED_PERMISSIONS } from './doctor/permissions.ts';
export { EXPECTED_RULES } from './doctor/webhook.ts';
export type { DoctorPorts, JsonObject, Judging, OpenRun, RunAnswer, RunQuestion } from './ports.ts';
export type { Serving, Tools } from './ports.ts';
