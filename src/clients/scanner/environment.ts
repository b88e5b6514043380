/** The environment of a process, as it is read once at the start. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What Trivy is given of our environment: where it finds programs, its home, proxies, authorities, the logins of clouds, and
 * where it gets its databases. Everything else stays here, above all Trivy's own variables by which a finding can be made to
 * vanish (`TRIVY_SEVERITY`, `TRIVY_IGNORE_UNFIXED`, `TRIVY_IGNOREFILE`, …): what counts is said by the promotion alone.
 */
const PASSED: ReadonlySet<string> = new Set([
  'PATH',
  'HOME',
  'XDG_CACHE_HOME',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'DOCKER_CONFIG',
  'TRIVY_DB_REPOSITORY',
  'TRIVY_JAVA_DB_REPOSITORY',
  'TRIVY_TOKEN',
  'TRIVY_TOKEN_HEADER',
]);
const PASSED_PREFIXES = ['AWS_', 'AZURE_', 'GOOGLE_'];

/** The environment that Trivy runs in; its temporary files stay in `folder`. */
export function trivyEnvironment(environment: Environment, folder: string): Record<string, string> {
  const passed = Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && isPassed(name) ? [[name, value] as const] : [],
  );
  return { ...Object.fromEntries(passed), TMPDIR: folder };
}

function isPassed(name: string): boolean {
  return PASSED.has(name) || PASSED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** Secrets among what is passed on, so that they can be kept out of messages. */
export function secretsIn(environment: Environment): readonly string[] {
  return Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && isPassed(name) && /TOKEN$|SECRET|PASSWORD|ACCESS_KEY$/.test(name) ? [value] : [],
  );
}
