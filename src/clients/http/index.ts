// Where requests may go and how they get there: rules of URLs and addresses, the addresses of names, and what a connection says
// when it fails. Every client that speaks to hosts which others name goes through it.
export { blockList, isListed, isLoopbackSpelling, type AddressKind } from './address.ts';
export { parseAllowed, type Allowed } from './address.ts';
export { certificateProblem, discard, ProxyFailure, wasGarbled, wasReset } from './connection.ts';
export type { Proxies, ProxyServer } from './connection.ts';
export { createFetch, type Fetch } from './fetch.ts';
export { createReach, openProxies, Unreachable, type Reach, type ReachOptions } from './reach.ts';
export { objectionToUrl, parseSentUrl, type Sender, type UrlRules } from './url.ts';
