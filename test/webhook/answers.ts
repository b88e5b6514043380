import { expect } from 'chai';
import type { AdmissionAnswer } from '../../src/webhook/answer.ts';

type Response = AdmissionAnswer['response'];

/**
 * The response of an AdmissionReview, after a check against the rules of the API server (admission.k8s.io/v1): envelope,
 * uid, a status with every refusal and none without, warnings as texts, audit annotations with qualified names.
 */
export function responseIn(answer: unknown, uid: string): Response {
  expect(answer).to.include({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' });
  const { response } = answer as AdmissionAnswer;
  expect(response.uid).to.equal(uid);
  expect(response.allowed).to.be.a('boolean');
  expect(response.status !== undefined, 'a status goes with a refusal').to.equal(!response.allowed);
  if (response.status) {
    expect(response.status.code).to.be.within(400, 599);
    expect(response.status.message).to.match(/\S/);
  }
  for (const warning of response.warnings ?? []) expect(warning.length).to.be.within(1, 256);
  for (const [key, value] of Object.entries(response.auditAnnotations ?? {})) {
    expect(key).to.match(/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/);
    expect(value).to.be.a('string');
  }
  return response;
}
