{{- /* Objects that hold images, as rules of a webhook. */ -}}
{{- define "pratique.podRules" -}}
- apiGroups: ['']
  apiVersions: [v1]
  operations: [CREATE, UPDATE]
  resources: [pods, pods/ephemeralcontainers]
{{- end }}

{{- define "pratique.templateRules" -}}
- apiGroups: ['']
  apiVersions: [v1]
  operations: [CREATE, UPDATE]
  resources: [replicationcontrollers, podtemplates]
- apiGroups: [apps]
  apiVersions: [v1]
  operations: [CREATE, UPDATE]
  resources: [deployments, replicasets, statefulsets, daemonsets]
- apiGroups: [batch]
  apiVersions: [v1]
  operations: [CREATE, UPDATE]
  resources: [jobs, cronjobs]
{{- range .Values.workloadKinds }}
- apiGroups: [{{ .apiGroup }}]
  apiVersions: {{ toJson .apiVersions }}
  operations: [CREATE, UPDATE]
  resources: [{{ .resource }}]
{{- end }}
{{- end }}

{{- /* More replicas are more pods of an image that may have gone bad since; nothing to change in such a request. */ -}}
{{- define "pratique.scaleRules" -}}
- apiGroups: ['']
  apiVersions: [v1]
  operations: [UPDATE]
  resources: [replicationcontrollers/scale]
- apiGroups: [apps]
  apiVersions: [v1]
  operations: [UPDATE]
  resources: [deployments/scale, replicasets/scale, statefulsets/scale]
{{- range .Values.workloadKinds }}
{{- if .replicas }}
- apiGroups: [{{ .apiGroup }}]
  apiVersions: {{ toJson .apiVersions }}
  operations: [UPDATE]
  resources: [{{ .resource }}/scale]
{{- end }}
{{- end }}
{{- end }}

{{- /*
The path, or URL, that a configuration in the cluster names, where this release has to repeat it; called with a list of the root, the
kind and the path without a secret. The controller writes a secret into the path, and this chart leaves out what the controller owns,
as with caBundle. But Helm removes what the release before named and this one does not: releases before the secret named the path,
which is kept under an annotation from then on. A URL cannot be left out: it
begins without a path, at which nothing is answered. Without a cluster (helm template) there is nothing to repeat.
*/ -}}
{{- define "pratique.livePath" -}}
{{- $root := index . 0 -}}
{{- $live := lookup "admissionregistration.k8s.io/v1" (index . 1) "" (include "pratique.fullname" $root) | default dict -}}
{{- $config := dig "clientConfig" (dict) (first ($live.webhooks | default list) | default dict) -}}
{{- if $root.Values.webhook.url -}}
{{- $given := trimSuffix "/" $root.Values.webhook.url -}}
{{- $url := dig "url" "" $config -}}
{{- ternary $url $given (hasPrefix (printf "%s/" $given) $url) -}}
{{- else -}}
{{- $path := dig "service" "path" "" $config -}}
{{- if or (eq $path (index . 2)) (hasKey (dig "metadata" "annotations" (dict) $live) "pratique.dev/repeats-path") -}}
{{- $path -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* Called with a list of the root and the live path. No caBundle unless given: an upgrade leaves the one in place that the controller wrote. */ -}}
{{- define "pratique.clientConfig" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.webhook.url }}
url: {{ index . 1 }}
{{- else }}
service:
  name: {{ include "pratique.serviceName" $root }}
  namespace: {{ $root.Release.Namespace }}
  port: {{ $root.Values.webhook.servicePort }}
  {{- with index . 1 }}
  path: {{ . }}
  {{- end }}
{{- end }}
{{- with $root.Values.webhook.caBundle }}
caBundle: {{ b64enc . }}
{{- end }}
{{- end }}

{{- /* By the one label that only the API server can write. */ -}}
{{- define "pratique.namespaceSelector" -}}
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values: {{ include "pratique.exemptNamespaces" . }}
{{- end }}

{{- /* Called like the client configuration. */ -}}
{{- define "pratique.webhookAnnotations" -}}
{{- $root := index . 0 -}}
{{- if eq $root.Values.certificates.source "CertManager" }}
cert-manager.io/inject-ca-from: {{ $root.Release.Namespace }}/{{ include "pratique.serviceName" $root }}
{{- end }}
{{- if and (not $root.Values.webhook.url) (index . 1) }}
pratique.dev/repeats-path: 'true'
{{- end }}
{{- with $root.Values.webhook.annotations }}
{{ toYaml . }}
{{- end }}
{{- end }}
