const REGISTRATION = { group: 'admissionregistration.k8s.io', version: 'v1' } as const;

/** The resources of the API server that Pratique reads or writes by name. */
export const RESOURCES = {
  policies: { group: 'pratique.dev', version: 'v1alpha1', plural: 'imagepolicies' },
  promotions: { group: 'pratique.dev', version: 'v1alpha1', plural: 'imagepromotions' },
  promotionRuns: { group: 'pratique.dev', version: 'v1alpha1', plural: 'imagepromotionruns' },
  promotionApprovals: { group: 'pratique.dev', version: 'v1alpha1', plural: 'promotionapprovals' },
  secrets: { group: '', version: 'v1', plural: 'secrets' },
  configMaps: { group: '', version: 'v1', plural: 'configmaps' },
  serviceAccounts: { group: '', version: 'v1', plural: 'serviceaccounts' },
  namespaces: { group: '', version: 'v1', plural: 'namespaces' },
  jobs: { group: 'batch', version: 'v1', plural: 'jobs' },
  selfSubjectReviews: { group: 'authentication.k8s.io', version: 'v1', plural: 'selfsubjectreviews' },
  pods: { group: '', version: 'v1', plural: 'pods' },
  definitions: { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' },
  validating: { ...REGISTRATION, plural: 'validatingwebhookconfigurations' },
  mutating: { ...REGISTRATION, plural: 'mutatingwebhookconfigurations' },
  reports: { group: 'openreports.io', version: 'v1alpha1', plural: 'reports' },
  clusterReports: { group: 'openreports.io', version: 'v1alpha1', plural: 'clusterreports' },
} as const;
