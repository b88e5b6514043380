// Configuration as a value: every setting with its default and the reason for it, parsed once with all problems listed.
// Pure; who reads files, flags and the environment is `main` and the command line.
export { parseSettings, type Settings, type SettingsInput } from './schema.ts';
