/** A value for each setting that the schema of the chart takes. */
export const SETTINGS = {
  signing: {
    identityTokens: {
      sigstore: {
        file: '/var/run/sigstore/token',
        servers: ['https://fulcio.example.com'],
        namespaces: ['platform'],
      },
    },
  },
  unmatchedImages: 'Warn',
  placeholderImages: ['auto'],
  registries: {
    insecure: ['registry.example.com:5000'],
    allowedAddresses: ['minio.lan:9000', '*.lan', '10.0.0.0/8', 'fd00::1'],
    clusterRanges: ['10.96.0.0/12', 'fd00::/108'],
    privateRegistries: 'Refuse',
    identities: [
      { cloud: 'AWS', registries: ['registry.example.com'], endpoints: { sts: 'https://sts.example.com/' } },
      { cloud: 'Azure', authority: 'http://127.0.0.1:8080/' },
      { cloud: 'Google', metadataServer: true, tokenHosts: ['sts.example.com'] },
    ],
    caFiles: ['/ca.pem'],
    concurrencyPerHost: 1,
    waitingPerNamespace: 1,
    requestTimeoutMs: 1,
  },
  proxy: { http: '', https: 'http://a.example', noProxy: ['10.0.0.0/8'], caFiles: ['/ca'], loginFile: '/l' },
  budgets: { bytesInFlight: 33_554_432, namespaceBytesPerMinute: 1_073_741_824 },
  memory: { foundMs: 1, absentMs: 1, unknownMs: 1, maxFacts: 1, maxBytes: 1, loadTimeoutMs: 1 },
  trust: { refresh: { cache: '/cache', mirror: 'https://tuf.example.com', root: '/root.json', everyMs: 1 } },
  webhook: { maxBodyBytes: 1, defaultTimeoutMs: 30_000, lingerMs: 1 },
  pinning: { objects: 'Pods' },
  credentials: { pullSecrets: false, rememberMs: 1 },
  cluster: { lease: { durationMs: 4, renewDeadlineMs: 3, retryMs: 1 } },
  certificates: { hosts: ['pratique.example.com'], lifetimeMs: 60_000, authorityLifetimeMs: 120_000 },
  audit: { enabled: false, everyMs: 86_400_000, perRegistryPerSecond: 0.1, reports: false },
  selfTest: { enabled: false, namespace: 'canaries', everyMs: 1 },
  promotions: {
    maxConcurrentRuns: 64,
    rejudgeEveryMs: 1,
    rejudgePerSecond: 0.1,
    grants: [
      {
        namespaces: ['platform'],
        namespaceSelector: {
          matchLabels: { team: 'platform' },
          matchExpressions: [{ key: 'stage', operator: 'In', values: ['golden'] }],
        },
        repositories: ['registry.example.com/golden/**'],
        access: ['Read', 'Write', 'Delete'],
      },
    ],
    execution: 'Job',
    jobTemplate: {
      image: 'registry.example.com/pratique:1',
      serviceAccountName: 'pratique-runs',
      settingsConfigMap: 'pratique-runs',
      scanner: { image: 'registry.example.com/trivy:1', path: '/trivy' },
      resources: {
        requests: { cpu: '100m', memory: '128Mi', 'ephemeral-storage': '1Gi' },
        limits: { cpu: '2', memory: '1.5Gi', 'ephemeral-storage': '10Gi' },
      },
    },
  },
  scanner: {
    command: 'trivy',
    cacheDirectory: '/cache',
    server: 'https://trivy.example.com',
    offline: true,
    databaseRepository: 'registry.example.com/mirror/trivy-db:2',
    javaDatabaseRepository: 'registry.example.com/mirror/trivy-java-db:1',
    timeoutMs: 1,
    parallel: 1,
  },
  events: {
    receivers: [
      { name: 'registry', sender: 'distribution', registry: 'a.example', bearer: { secretFile: '/token' } },
      { name: 'github', sender: 'ghcr', hmac: { secretFile: '/key', header: 'x-signature' } },
      {
        name: 'ci',
        sender: 'generic',
        oidc: { issuer: 'https://ci.example.com', audience: 'pratique', subject: 'acme' },
      },
    ],
    quietMs: 1,
    maxDelayMs: 1,
  },
  gate: {
    publicUrl: 'https://gate.example.com',
    upstreams: [{ match: ['docker.io/**'], registry: 'registry.example.com/golden', loginFile: '/login' }],
    callers: {
      anonymous: true,
      oidc: [
        {
          issuer: 'https://ci.example.com',
          audience: 'gate',
          claims: { team: 'acme' },
          groups: ['scanners'],
          groupsClaim: 'groups',
        },
      ],
      serviceAccounts: true,
      passthrough: true,
    },
    unjudged: 'Warn',
    dryRun: true,
    exempt: [`registry.example.com/pratique@sha256:${'0'.repeat(64)}`],
    refusedTags: 'Hidden',
    downloadsPerHost: 1,
    drainMs: 1,
  },
};
