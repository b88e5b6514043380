// Keeps the webhooks registered: the API server trusts the certificate that they serve, at every moment of every rotation.
// One leader makes authority and certificate and gives them out; every replica reads what it serves with.
export { keepRegistration } from './keep-registration.ts';
export { certificateHosts, followFiles, followServing } from './follow-certificate.ts';
export { admitByFile } from './admit-callers.ts';
