import {
  evidenceOf,
  found,
  referrerOf,
  releasedBy,
  type Asked,
  type WrittenSpec,
} from '../../../support/policies.ts';
import { authorities, key, type Rows } from './row.ts';

const quarantine = (block: WrittenSpec) => ({ authorities, require: { quarantine: block } });
const lifecycle = (block: WrittenSpec) => ({ require: { lifecycle: block } });

const flagged = evidenceOf({
  annotations: { 'dev.pratique.quarantine': 'true', 'com.example.hold': 'yes' },
});
const held: Asked = { evidence: evidenceOf({ annotations: { 'com.example.hold': 'yes' } }) };
const EOL = 'dev.pratique.lifecycle.end-of-life';
const ending = (date: string): Asked => ({ evidence: evidenceOf({ annotations: { [EOL]: date } }) });
const own: Asked = { evidence: evidenceOf({ annotations: { 'com.example.eol': '2026-01-01' } }) };
const referred = (type: string, annotations = {}): Asked => ({
  evidence: evidenceOf({ referrers: found([referrerOf(type, annotations)]) }),
});

/** Quarantine and end of life. */
export const QUARANTINE_AND_LIFECYCLE_ROWS: Rows = {
  'require.quarantine.annotations[].key': {
    asked: held,
    ways: [
      [quarantine({ annotations: [{ key: 'com.example.hold', values: ['yes'] }] }), 'deny Quarantined'],
      [quarantine({}), 'allow'],
    ],
  },
  'require.quarantine.annotations[].values': {
    asked: held,
    ways: [
      [quarantine({ annotations: [{ key: 'com.example.hold', values: ['yes'] }] }), 'deny Quarantined'],
      [quarantine({ annotations: [{ key: 'com.example.hold' }] }), 'allow'],
    ],
  },
  'require.quarantine.artifactTypes': {
    asked: referred('application/vnd.example.hold'),
    ways: [
      [quarantine({ artifactTypes: ['application/vnd.example.hold'] }), 'deny Quarantined'],
      [quarantine({}), 'allow'],
    ],
  },
  'require.quarantine.images': {
    ways: [
      [quarantine({ images: ['**/shop/*'] }), 'deny Quarantined'],
      [quarantine({ images: ['**/quarantine/**'] }), 'allow'],
    ],
  },
  'require.quarantine.mayPull[].groups': {
    look: ({ quarantine: { mayPull } = {} }) => [...(mayPull ?? [])].join(' '),
    ways: [
      [quarantine({}), ''],
      [quarantine({ mayPull: [{ groups: ['scanners'] }, { groups: ['ci'] }] }), 'scanners ci'],
    ],
  },
  'require.quarantine.releasedBy': {
    asked: { evidence: { ...flagged, signatures: found([releasedBy(key)]) } },
    ways: [
      [quarantine({ releasedBy: ['release'] }), 'allow'],
      [quarantine({}), 'deny Quarantined'],
    ],
  },
  'require.lifecycle.refuse': {
    asked: {
      evidence: evidenceOf({ annotations: { 'dev.pratique.lifecycle.end-of-support': '2026-01-01' } }),
    },
    ways: [
      [lifecycle({}), 'allow'],
      [lifecycle({ refuse: 'EndOfSupport' }), 'deny PastEndOfSupport'],
    ],
  },
  'require.lifecycle.warnBefore': {
    asked: ending('2026-06-20'),
    ways: [
      [lifecycle({}), 'warn EndOfLifeNear'],
      [lifecycle({ warnBefore: '24h' }), 'allow'],
    ],
  },
  'require.lifecycle.gracePeriod': {
    asked: ending('2026-06-14'),
    ways: [
      [lifecycle({}), 'deny PastEndOfLife'],
      [lifecycle({ gracePeriod: '24h' }), 'warn EndOfLifeNear'],
    ],
  },
  'require.lifecycle.annotations[].key': {
    asked: own,
    ways: [
      [lifecycle({ annotations: [{ key: 'com.example.eol' }] }), 'deny PastEndOfLife'],
      [lifecycle({ annotations: [{ key: 'com.example.other' }] }), 'allow'],
    ],
  },
  'require.lifecycle.annotations[].says': {
    asked: own,
    ways: [
      [lifecycle({ annotations: [{ key: 'com.example.eol' }] }), 'deny PastEndOfLife'],
      [lifecycle({ annotations: [{ key: 'com.example.eol', says: 'EndOfSupport' }] }), 'allow'],
    ],
  },
  'require.lifecycle.artifactTypes': {
    asked: referred('application/vnd.example.life', { [EOL]: '2026-01-01' }),
    ways: [
      [lifecycle({ artifactTypes: ['application/vnd.example.life'] }), 'deny PastEndOfLife'],
      [lifecycle({}), 'allow'],
    ],
  },
  'require.lifecycle.required': {
    ways: [
      [lifecycle({ required: true }), 'deny LifecycleMissing'],
      [lifecycle({}), 'allow'],
    ],
  },
};
