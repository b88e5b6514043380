// The command line: arguments become one call of the core, its result becomes text, JSON or YAML and an exit code.
// Reads no environment and never exits: `main` does.
export { runCommand } from './program.ts';
export { approvingPorts } from './promotion/approve.ts';
export { openPromotions } from './promotion/open-promotions.ts';
export { verifyBundle } from './verify-bundle.ts';
export type {
  BundleOutcome,
  BundleQuestion,
  Judging,
  Policies,
  Question,
  OpenPromotion,
  PromotionQuestion,
  Reading,
  Serving,
  Terminal,
  Tools,
} from './ports.ts';
export type {
  ApprovingPorts,
  OpenApprovingTool,
  OpenRun,
  OpenRunTool,
  RunAnswer,
  RunQuestion,
} from './ports.ts';
export type { DoctorOptions, DoctorPorts, JsonObject, NamedResource } from './ports.ts';
export { EXPECTED_RULES } from './doctor/webhook.ts';
export type { ExpectedRule } from './doctor/webhook.ts';
export { REQUIRED_PERMISSIONS } from './doctor/permissions.ts';
export type { Permission } from './doctor/permissions.ts';
