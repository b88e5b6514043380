import { UNKNOWN_FACT, evidenceOf, found, type Asked, type WrittenSpec } from '../../../support/policies.ts';
import { policiesAt } from '../../../../src/core/policy/index.ts';
import { signed, type Rows } from './row.ts';

const digest = { require: { digest: {} } };
const matching = (match: WrittenSpec) => ({ match: { images: ['**'], ...match }, ...digest });
const expression = (one: WrittenSpec) => matching({ namespaceSelector: { matchExpressions: [one] } });
const inProd: Asked = { labels: found({ env: 'prod' }) };

/** What a policy covers, and how it is enforced. */
export const MATCH_ROWS: Rows = {
  'match.images': {
    ways: [
      [matching({ images: ['registry.example.com/**'] }), 'deny NotPinned'],
      [matching({ images: ['other.example.com/**'] }), 'not covered'],
    ],
  },
  'match.excludeImages': {
    ways: [
      [matching({ excludeImages: ['registry.example.com/test/**'] }), 'deny NotPinned'],
      [matching({ excludeImages: ['registry.example.com/shop/**'] }), 'not covered'],
    ],
  },
  'match.namespaceSelector.matchLabels': {
    asked: inProd,
    ways: [
      [matching({ namespaceSelector: { matchLabels: { env: 'prod' } } }), 'deny NotPinned'],
      [matching({ namespaceSelector: { matchLabels: { env: 'dev' } } }), 'not covered'],
    ],
  },
  'match.namespaceSelector.matchExpressions[].key': {
    asked: inProd,
    ways: [
      [expression({ key: 'env', operator: 'Exists' }), 'deny NotPinned'],
      [expression({ key: 'tier', operator: 'Exists' }), 'not covered'],
    ],
  },
  'match.namespaceSelector.matchExpressions[].operator': {
    asked: inProd,
    ways: [
      [expression({ key: 'env', operator: 'In', values: ['prod'] }), 'deny NotPinned'],
      [expression({ key: 'env', operator: 'NotIn', values: ['prod'] }), 'not covered'],
    ],
  },
  'match.namespaceSelector.matchExpressions[].values': {
    asked: inProd,
    ways: [
      [expression({ key: 'env', operator: 'In', values: ['dev', 'prod'] }), 'deny NotPinned'],
      [expression({ key: 'env', operator: 'In', values: ['dev'] }), 'not covered'],
    ],
  },
  at: {
    look: (policy) => (policiesAt([policy], 'Pull').length === 0 ? 'not asked' : 'asked'),
    ways: [
      [digest, 'asked'],
      [{ ...digest, at: ['Pull'] }, 'asked'],
      [{ ...digest, at: ['Admission', 'Audit'] }, 'not asked'],
    ],
  },
  enforcement: {
    ways: [
      [digest, 'deny NotPinned'],
      [{ ...digest, enforcement: 'Warn' }, 'warn NotPinned'],
      [{ ...digest, enforcement: 'Audit' }, 'allow NotPinned'],
    ],
  },
  onUnknown: {
    asked: { evidence: evidenceOf({ signatures: UNKNOWN_FACT }) },
    ways: [
      [signed({ from: ['release'] }), 'unknown RegistryUnavailable'],
      [{ ...signed({ from: ['release'] }), onUnknown: 'Warn' }, 'warn RegistryUnavailable'],
      [{ ...signed({ from: ['release'] }), onUnknown: 'Allow' }, 'allow RegistryUnavailable'],
    ],
  },
  pinDigests: {
    look: ({ pinDigests }) => (pinDigests ? 'pinned' : 'as written'),
    ways: [
      [{ ...digest, pinDigests: true }, 'pinned'],
      [{ ...digest, pinDigests: false }, 'as written'],
      [digest, 'as written'],
      [{ ...digest, pinDigests: 'true' }, 'problem spec.pinDigests'],
    ],
  },
  'require.digest': {
    ways: [
      [digest, 'deny NotPinned'],
      [{ require: {} }, 'allow'],
    ],
  },
};
