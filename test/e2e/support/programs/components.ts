/** One program of a component: its package, and its name from `go build` if that differs. */
export interface Binary {
  readonly name: string;
  readonly package: string;
  readonly builtAs?: string;
  /** A program of a node, which other systems have no use for and cannot always build. */
  readonly linuxOnly?: true;
}

/** A real program, or a set from one module, that the end-to-end tests run against. */
export interface Component {
  /** Folder below `test/e2e/components` with its go.mod, go.sum and tools.go. */
  readonly name: string;
  readonly binaries: readonly Binary[];
  /** The duration of a first build on two cores, shown to the developer. */
  readonly firstBuild: string;
  /** Module whose version the programs report; without it they call themselves v0.0.0. */
  readonly versionFrom?: string;
  /** Further variables that the linker sets: what a release build of the program has set too. */
  readonly stamps?: Readonly<Record<string, string>>;
  /** Variables that its compiler needs besides the usual ones. */
  readonly compilerEnvironment?: Readonly<Record<string, string>>;
  /** Source files of our own in its folder; a component without any is built from published packages alone. */
  readonly ownSources?: readonly string[];
}

/** Of the control plane below: Helm built without it renders for Kubernetes 1.20. */
const KUBERNETES_MINOR = '37';

/** Quick ones first, so that a broken Go setup shows within seconds. */
export const components: readonly Component[] = [
  {
    name: 'crane',
    binaries: [{ name: 'crane', package: 'github.com/google/go-containerregistry/cmd/crane' }],
    firstBuild: 'half a minute',
  },
  {
    name: 'oras',
    binaries: [{ name: 'oras', package: 'oras.land/oras/cmd/oras' }],
    firstBuild: 'half a minute',
  },
  {
    name: 'regctl',
    binaries: [{ name: 'regctl', package: 'github.com/regclient/regclient/cmd/regctl' }],
    firstBuild: 'half a minute',
  },
  {
    name: 'conformance',
    binaries: [{ name: 'conformance', package: 'github.com/opencontainers/distribution-spec/conformance' }],
    firstBuild: 'half a minute',
  },
  {
    name: 'olareg',
    binaries: [{ name: 'olareg', package: 'github.com/olareg/olareg/cmd/olareg' }],
    firstBuild: 'half a minute',
  },
  {
    name: 'distribution',
    binaries: [{ name: 'registry', package: 'github.com/distribution/distribution/v3/cmd/registry' }],
    firstBuild: 'one to two minutes',
  },
  {
    name: 'helm',
    binaries: [{ name: 'helm', package: 'helm.sh/helm/v3/cmd/helm' }],
    firstBuild: 'one to two minutes',
    stamps: {
      'helm.sh/helm/v3/internal/version.version': 'v3.22.0',
      'helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor': '1',
      'helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor': KUBERNETES_MINOR,
      'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor': '1',
      'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor': KUBERNETES_MINOR,
    },
  },
  {
    name: 'kubernetes',
    binaries: [
      { name: 'etcd', package: 'go.etcd.io/etcd/server/v3', builtAs: 'server' },
      { name: 'kube-apiserver', package: 'k8s.io/kubernetes/cmd/kube-apiserver' },
      { name: 'kube-controller-manager', package: 'k8s.io/kubernetes/cmd/kube-controller-manager' },
      { name: 'kube-scheduler', package: 'k8s.io/kubernetes/cmd/kube-scheduler' },
      { name: 'kubectl', package: 'k8s.io/kubernetes/cmd/kubectl' },
      { name: 'kubelet', package: 'k8s.io/kubernetes/cmd/kubelet', linuxOnly: true },
      { name: 'kube-proxy', package: 'k8s.io/kubernetes/cmd/kube-proxy', linuxOnly: true },
    ],
    firstBuild: 'ten to twelve minutes',
    versionFrom: 'k8s.io/kubernetes',
  },
  {
    name: 'containerd',
    binaries: [
      {
        name: 'containerd',
        package: 'github.com/containerd/containerd/v2/cmd/containerd',
        linuxOnly: true,
      },
      {
        name: 'containerd-shim-runc-v2',
        package: 'github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2',
        linuxOnly: true,
      },
    ],
    firstBuild: 'one to two minutes',
    stamps: { 'github.com/containerd/containerd/v2/version.Version': 'v2.4.2' },
  },
  {
    name: 'buildkit',
    binaries: [
      { name: 'buildctl', package: 'github.com/moby/buildkit/cmd/buildctl', linuxOnly: true },
      { name: 'buildkitd', package: 'github.com/moby/buildkit/cmd/buildkitd', linuxOnly: true },
    ],
    firstBuild: 'one to two minutes',
  },
  {
    name: 'coredns',
    binaries: [{ name: 'coredns', package: 'e2e.pratique.dev/coredns' }],
    firstBuild: 'one to two minutes',
    ownSources: ['main.go'],
  },
  {
    name: 'pause',
    binaries: [{ name: 'pause', package: 'e2e.pratique.dev/pause', linuxOnly: true }],
    firstBuild: 'a few seconds',
    ownSources: ['main.go'],
  },
  {
    name: 'cosign',
    binaries: [{ name: 'cosign', package: 'github.com/sigstore/cosign/v3/cmd/cosign' }],
    firstBuild: 'four to five minutes',
  },
  {
    name: 'cosign2',
    binaries: [{ name: 'cosign2', package: 'github.com/sigstore/cosign/v2/cmd/cosign', builtAs: 'cosign' }],
    firstBuild: 'three minutes',
  },
  {
    name: 'selection',
    binaries: [{ name: 'selection', package: 'e2e.pratique.dev/selection' }],
    firstBuild: 'a few seconds',
    ownSources: ['main.go'],
  },
  {
    name: 'trivydb',
    binaries: [{ name: 'trivydb', package: 'e2e.pratique.dev/trivydb' }],
    firstBuild: 'a few seconds',
    ownSources: ['main.go'],
  },
  {
    name: 'trivy',
    binaries: [{ name: 'trivy', package: 'github.com/aquasecurity/trivy/cmd/trivy' }],
    firstBuild: 'five minutes',
    stamps: { 'github.com/aquasecurity/trivy/pkg/version/app.ver': '0.74.0' },
    compilerEnvironment: { GOEXPERIMENT: 'jsonv2' },
  },
];
