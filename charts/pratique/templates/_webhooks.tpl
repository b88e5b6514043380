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

{{- /* Called with a list of the root and a path. No caBundle unless given: an upgrade leaves the one in place that the controller wrote. */ -}}
{{- define "pratique.clientConfig" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.webhook.url }}
url: {{ $root.Values.webhook.url | trimSuffix "/" }}{{ index . 1 }}
{{- else }}
service:
  name: {{ include "pratique.serviceName" $root }}
  namespace: {{ $root.Release.Namespace }}
  port: {{ $root.Values.webhook.servicePort }}
  path: {{ index . 1 }}
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

{{- define "pratique.webhookAnnotations" -}}
{{- if eq .Values.certificates.source "CertManager" }}
cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include "pratique.serviceName" . }}
{{- end }}
{{- with .Values.webhook.annotations }}
{{ toYaml . }}
{{- end }}
{{- end }}
