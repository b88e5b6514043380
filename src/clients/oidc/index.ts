// Identity tokens of callers, verified against the keys of their issuer: OpenID Connect Discovery, JWK sets and JWTs (jose).
// The keys are fetched when a token needs them, remembered for minutes, and asked for no more often than an issuer bears.
export { createTokenVerifier } from './verify-token.ts';
