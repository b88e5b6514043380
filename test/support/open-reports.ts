/*
 * The part of the OpenReports API that reports of images use, as its definition has it (openreports.io/v1alpha1, `Report`):
 * the same names, types, enumerations and required fields, without the selectors.
 */

const TEXT = { type: 'string' };
const COUNT = { type: 'integer' };
const OUTCOME = { type: 'string', enum: ['pass', 'fail', 'warn', 'error', 'skip'] };

const REFERENCE = {
  type: 'object',
  properties: {
    apiVersion: TEXT,
    fieldPath: TEXT,
    kind: TEXT,
    name: TEXT,
    namespace: TEXT,
    resourceVersion: TEXT,
    uid: TEXT,
  },
};

const RESULT = {
  type: 'object',
  required: ['policy'],
  properties: {
    source: TEXT,
    policy: TEXT,
    rule: TEXT,
    category: TEXT,
    severity: { type: 'string', enum: ['critical', 'high', 'low', 'medium', 'info'] },
    timestamp: {
      type: 'object',
      required: ['nanos', 'seconds'],
      properties: {
        nanos: { type: 'integer', format: 'int32' },
        seconds: { type: 'integer', format: 'int64' },
      },
    },
    result: OUTCOME,
    scored: { type: 'boolean' },
    resources: { type: 'array', items: REFERENCE },
    message: TEXT,
    properties: { type: 'object', additionalProperties: TEXT },
  },
};

const SCHEMA = {
  type: 'object',
  properties: {
    apiVersion: TEXT,
    kind: TEXT,
    metadata: { type: 'object' },
    source: TEXT,
    scope: REFERENCE,
    configuration: {
      type: 'object',
      required: ['limits'],
      properties: {
        limits: {
          type: 'object',
          properties: { maxResults: COUNT, statusFilter: { type: 'array', items: OUTCOME } },
        },
      },
    },
    summary: {
      type: 'object',
      properties: { pass: COUNT, fail: COUNT, warn: COUNT, error: COUNT, skip: COUNT },
    },
    results: { type: 'array', items: RESULT },
  },
};

/** The CustomResourceDefinition of `Report`, as a cluster accepts it. */
export function openReportsCrd(): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'reports.openreports.io' },
    spec: {
      group: 'openreports.io',
      names: {
        kind: 'Report',
        listKind: 'ReportList',
        plural: 'reports',
        shortNames: ['reps'],
        singular: 'report',
      },
      scope: 'Namespaced',
      versions: [{ name: 'v1alpha1', served: true, storage: true, schema: { openAPIV3Schema: SCHEMA } }],
    },
  };
}
