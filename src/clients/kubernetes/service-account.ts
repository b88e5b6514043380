/** Where the kubelet puts what a pod needs to speak to its API server. */
export const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
