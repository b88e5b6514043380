// Dry-run canaries prove that the API server still asks the webhooks, and that they still refuse.
export { keepSelfTest, tryCanariesOn } from './keep-self-test.ts';
