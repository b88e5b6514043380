// Sigstore: what a signature found next to an image or a file proves, the trust roots it is verified with, and signing. Owns
// the @sigstore libraries; works on bytes that its callers fetched, except for the refresh of the public-good root and keyless
// signing.
export { refreshPublicGoodRoot, publicGoodRoot, readTrustRoot } from './trust-root.ts';
export { openKeySigner } from './sign/key-signer.ts';
export { openKeylessSigner } from './sign/keyless-signer.ts';
export { verifyArtifactBundle } from './verify/artifact-bundle.ts';
export { createSignatureVerifier, createVerification } from './verify/verifier.ts';
export { bytesOf, weightOf } from './verify/verifier.ts';
