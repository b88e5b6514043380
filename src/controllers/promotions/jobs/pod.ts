import type { RunObject } from '../ports.ts';

/** The settings of the pods of Jobs. */
export interface PodTemplate {
  readonly image: string;
  readonly serviceAccountName: string;
  /** The namespace of the installation: it holds the keys that policies name. */
  readonly installation: string;
  readonly resources: Readonly<Record<string, unknown>>;
  /** A ConfigMap of the namespace of the run, with settings under the key `settings.yaml`. */
  readonly settingsConfigMap?: string | undefined;
  /** An image with Trivy, and the path in it; absent = the image of the pod has Trivy, or nothing is scanned. */
  readonly scanner?: { readonly image: string; readonly path: string } | undefined;
}

/** The writable volume: the scanner unpacks layers there, and keeps its databases. */
const SCRATCH = '/tmp';
const NON_ROOT_USER = 65_532;
const SETTINGS = '/etc/pratique';
const TRIVY = '/opt/trivy';
/** The `PATH` of our image, followed by the folder of the scanner. */
const SEARCH_PATH = `/nodejs/bin:/usr/local/bin:/usr/bin:/bin:${TRIVY}`;
/** The fields that the profile `restricted` of Pod Security requires of every container. */
const RESTRICTED = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};
/** A copy of one file. */
const COPYING = { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '128Mi' } };

/** A volume of the pod, and where the run sees it. */
interface Mounted {
  readonly name: string;
  readonly source: object;
  readonly mountPath: string;
  readonly readOnly?: true;
}

/** The pod of a Job for a run: not root, with no privileges on the host, and one writable volume. */
export function podOf(
  { namespace, name }: RunObject['metadata'],
  job: string,
  { image, serviceAccountName, resources, settingsConfigMap, installation, scanner }: PodTemplate,
): object {
  const settings = settingsConfigMap === undefined ? [] : ['--settings', `${SETTINGS}/settings.yaml`];
  const volumes: readonly Mounted[] = [
    { name: 'scratch', source: { emptyDir: {} }, mountPath: SCRATCH },
    ...(settingsConfigMap === undefined ? [] : [settingsFrom(settingsConfigMap)]),
    ...(scanner
      ? [{ name: 'trivy', source: { emptyDir: {} }, mountPath: TRIVY, readOnly: true as const }]
      : []),
  ];
  return {
    restartPolicy: 'Never',
    serviceAccountName,
    automountServiceAccountToken: true,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: NON_ROOT_USER,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    ...(scanner && { initContainers: [copyOf(scanner)] }),
    containers: [
      {
        name: 'run',
        image,
        args: [
          'run',
          name,
          '--namespace',
          namespace,
          '--holder',
          job,
          '--installation',
          installation,
          ...settings,
        ],
        ...(scanner && { env: SCANNING }),
        resources,
        // The last message of the process is in the status of its pod.
        terminationMessagePolicy: 'FallbackToLogsOnError',
        securityContext: RESTRICTED,
        volumeMounts: volumes.map(({ name: volume, mountPath, readOnly }) => ({
          name: volume,
          mountPath,
          ...(readOnly && { readOnly }),
        })),
      },
    ],
    volumes: volumes.map(({ name: volume, source }) => ({ name: volume, ...source })),
  };
}

/** Trivy is found by its name, and keeps its databases in the writable volume. */
const SCANNING = [
  { name: 'PATH', value: SEARCH_PATH },
  { name: 'XDG_CACHE_HOME', value: SCRATCH },
];

function settingsFrom(name: string): Mounted {
  return { name: 'settings', source: { configMap: { name } }, mountPath: SETTINGS, readOnly: true };
}

function copyOf({ image, path }: NonNullable<PodTemplate['scanner']>): object {
  return {
    name: 'trivy',
    image,
    command: ['cp', path, `${TRIVY}/trivy`],
    resources: COPYING,
    securityContext: RESTRICTED,
    volumeMounts: [{ name: 'trivy', mountPath: TRIVY }],
  };
}
