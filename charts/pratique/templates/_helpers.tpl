{{- define "pratique.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* Short enough for every suffix below. */ -}}
{{- define "pratique.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "pratique.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "pratique.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "pratique.serviceName" -}}
{{ include "pratique.fullname" . }}-webhook
{{- end }}

{{- define "pratique.tlsSecret" -}}
{{ .Values.certificates.secretName | default (printf "%s-webhook-tls" (include "pratique.fullname" .)) }}
{{- end }}

{{- define "pratique.pathSecret" -}}
{{ include "pratique.fullname" . }}-webhook-path
{{- end }}

{{- /* Where the authorities of API servers are mounted; empty = no certificate is asked for. */ -}}
{{- define "pratique.clientCA" -}}
{{- with .Values.webhook.clientCA }}
{{- if or .secretName .configMap }}/etc/pratique/client-ca/{{ .key }}{{ end }}
{{- end }}
{{- end }}

{{- define "pratique.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "pratique.fullname" .) }}
{{- else }}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "pratique.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pratique.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "pratique.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "pratique.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: pratique
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "pratique.labels" -}}
{{ include "pratique.commonLabels" . }}
app.kubernetes.io/component: controller
{{- end }}

{{- /* Whether the leader makes a Job of each run, with the rights that this chart gives it. */ -}}
{{- define "pratique.runsAsJobs" -}}
{{- and .Values.rbac.create .Values.promotions.enabled (eq (dig "promotions" "execution" "InController" .Values.settings) "Job") -}}
{{- end }}

{{- define "pratique.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "pratique.scannerImage" -}}
{{- with .Values.scanner.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ required "scanner.image.tag or .digest is needed" .tag }}{{ end }}
{{- end }}
{{- end }}

{{- /* What Trivy is started by: below the volume, where the image has it, or where its copy is. */ -}}
{{- define "pratique.scannerCommand" -}}
{{- if eq .Values.scanner.delivery "Mount" }}/opt/trivy{{ .Values.scanner.path }}{{ else }}/opt/trivy/trivy{{ end }}
{{- end }}

{{- /* Names by which the API server reaches the Service, and the usual longer one. */ -}}
{{- define "pratique.hosts" -}}
{{- $service := include "pratique.serviceName" . -}}
- {{ $service }}.{{ .Release.Namespace }}.svc
- {{ $service }}.{{ .Release.Namespace }}.svc.cluster.local
- {{ $service }}.{{ .Release.Namespace }}
{{- end }}

{{- /* Namespaces out of reach of the webhook, as a list in JSON. */ -}}
{{- define "pratique.exemptNamespaces" -}}
{{- $own := ternary (list .Release.Namespace) (list) .Values.controller.enabled -}}
{{- concat $own .Values.webhook.exemptNamespaces | uniq | sortAlpha | toJson -}}
{{- end }}

{{- /* The settings file: what values say, below what this chart has to set. */ -}}
{{- define "pratique.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- $given := dig "certificates" "hosts" (list) $settings -}}
{{- $certificates := dict "source" (ternary "Managed" "Files" (eq .Values.certificates.source "Managed")) "secret" (include "pratique.tlsSecret" .) "hosts" (concat (include "pratique.hosts" . | fromYamlArray) $given | uniq) -}}
{{- $webhook := dict "listen" ":8443" "pathSecret" (include "pratique.pathSecret" .) -}}
{{- with include "pratique.clientCA" . -}}
{{- $webhook = merge $webhook (dict "clientCA" . "clientNames" $.Values.webhook.clientNames) -}}
{{- end -}}
{{- if ne .Values.certificates.source "Managed" -}}
{{- $webhook = merge $webhook (dict "tlsCert" "/etc/pratique/tls/tls.crt" "tlsKey" "/etc/pratique/tls/tls.key") -}}
{{- end -}}
{{- $kinds := list -}}
{{- range .Values.workloadKinds -}}
{{- $kinds = append $kinds (pick . "apiGroup" "kind" "podSpec" "podSpecs" "images" "replicas") -}}
{{- end -}}
{{- $set := dict "cluster" (dict "name" (include "pratique.fullname" .) "namespace" .Release.Namespace) "operations" (dict "listen" ":8080") "certificates" $certificates "webhook" $webhook "promotions" (dict "enabled" .Values.promotions.enabled) -}}
{{- if $kinds -}}
{{- $set = set $set "workloadKinds" $kinds -}}
{{- end -}}
{{- if .Values.registries.ca.configMap -}}
{{- $files := append (dig "registries" "caFiles" (list) $settings) (printf "/etc/pratique/registry-ca/%s" .Values.registries.ca.key) -}}
{{- $set = set $set "registries" (dict "caFiles" $files) -}}
{{- end -}}
{{- $proxy := dict -}}
{{- with .Values.proxy.loginSecret -}}
{{- if .name -}}
{{- $proxy = set $proxy "loginFile" (printf "/etc/pratique/proxy-login/%s" .key) -}}
{{- end -}}
{{- end -}}
{{- if .Values.proxy.ca.configMap -}}
{{- $proxy = set $proxy "caFiles" (append (dig "proxy" "caFiles" (list) $settings) (printf "/etc/pratique/proxy-ca/%s" .Values.proxy.ca.key)) -}}
{{- end -}}
{{- if $proxy -}}
{{- $set = set $set "proxy" $proxy -}}
{{- end -}}
{{- if .Values.scanner.enabled -}}
{{- $set = set $set "scanner" (dict "command" (include "pratique.scannerCommand" .) "cacheDirectory" "/var/cache/trivy") -}}
{{- end -}}
{{- mergeOverwrite $settings $set | toYaml -}}
{{- end }}

{{- /* Where pods may connect to, with networkPolicy.egress.restrict. */ -}}
{{- define "pratique.egress" -}}
{{- with .Values.networkPolicy.egress -}}
- ports:
    - { port: 53, protocol: UDP }
    - { port: 53, protocol: TCP }
    {{- range .ports }}
    - { port: {{ . }}, protocol: TCP }
    {{- end }}
{{- with .extra }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pratique.gate" -}}
{{ include "pratique.fullname" . }}-gate
{{- end }}

{{- define "pratique.gateSelectorLabels" -}}
app.kubernetes.io/name: {{ include "pratique.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gate
{{- end }}

{{- define "pratique.gateLabels" -}}
{{ include "pratique.commonLabels" . }}
app.kubernetes.io/component: gate
{{- end }}

{{- /* The settings file of the gate: those of the controller, with what this chart has to set of the gate. */ -}}
{{- define "pratique.gateSettings" -}}
{{- $settings := include "pratique.settings" . | fromYaml -}}
{{- $gate := dict "listen" ":8444" -}}
{{- if .Values.gate.tlsSecret -}}
{{- $gate = merge $gate (dict "tlsCert" "/etc/pratique/tls/tls.crt" "tlsKey" "/etc/pratique/tls/tls.key") -}}
{{- end -}}
{{- if .Values.gate.tokenSecret -}}
{{- $gate = set $gate "tokenSecretFile" "/etc/pratique/token/secret" -}}
{{- end -}}
{{- /* Its own image: a gate starts again through another one, whatever the policies are by then. */ -}}
{{- with .Values.image.digest -}}
{{- $gate = set $gate "exempt" (append (dig "gate" "exempt" (list) $.Values.settings) (printf "%s@%s" $.Values.image.repository .) | uniq) -}}
{{- end -}}
{{- if .Values.gate.cache.enabled -}}
{{- $gate = set $gate "cache" (dict "folder" "/var/cache/pratique/blobs" "maxBytes" (int64 .Values.gate.cache.maxBytes)) -}}
{{- end -}}
{{- $_ := unset $settings "webhook" -}}
{{- mergeOverwrite $settings (dict "gate" $gate) | toYaml -}}
{{- end }}

{{- /* What is wrong with values although every single one is well. */ -}}
{{- define "pratique.problems" -}}
{{- if and (not .Values.controller.enabled) (not .Values.webhook.url) }}
{{- fail "webhook.url is needed when controller.enabled is false: there is no Service to call" }}
{{- end }}
{{- if and (eq .Values.certificates.source "Secret") (not .Values.certificates.secretName) }}
{{- fail "certificates.secretName is needed when certificates.source is Secret" }}
{{- end }}
{{- if and .Values.webhook.clientCA.secretName .Values.webhook.clientCA.configMap }}
{{- fail "webhook.clientCA has secretName and configMap: only one can be mounted" }}
{{- end }}
{{- if and .Values.webhook.clientNames (not (include "pratique.clientCA" .)) }}
{{- fail "webhook.clientCA is needed when webhook.clientNames is set: without it no client shows a certificate" }}
{{- end }}
{{- if and (eq .Values.certificates.source "Secret") (not .Values.webhook.caBundle) }}
{{- fail "webhook.caBundle is needed when certificates.source is Secret: only the owner of that Secret knows the authority" }}
{{- end }}
{{- if and .Values.scanner.enabled (or (dig "scanner" "command" "" .Values.settings) (dig "scanner" "cacheDirectory" "" .Values.settings)) }}
{{- fail "settings.scanner.command and .cacheDirectory are set by the chart when scanner.enabled is true: leave out the ones or the other" }}
{{- end }}
{{- if and .Values.gate.enabled (not (dig "gate" "upstreams" (list) .Values.settings)) }}
{{- fail "settings.gate.upstreams is needed when gate.enabled is true: where images are pulled from" }}
{{- end }}
{{- if and .Values.gate.enabled (not .Values.gate.tokenSecret) (dig "gate" "callers" (dict) .Values.settings) }}
{{- fail "gate.tokenSecret is needed with settings.gate.callers: all replicas read the tokens of each other" }}
{{- end }}
{{- if lt (int (mul 1000 .Values.controller.terminationGracePeriodSeconds)) (int (add 30000 (dig "webhook" "lingerMs" 0 .Values.settings))) }}
{{- fail "controller.terminationGracePeriodSeconds is shorter than settings.webhook.lingerMs and the 30 s for open requests: some would be cut off" }}
{{- end }}
{{- if and .Values.settings.selfTest.enabled (has .Values.settings.selfTest.namespace (include "pratique.exemptNamespaces" . | fromJsonArray)) }}
{{- fail (printf "settings.selfTest.namespace %s is exempt from the webhook, a canary there would prove nothing; install into a namespace of its own (-n pratique --create-namespace) or name another" .Values.settings.selfTest.namespace) }}
{{- end }}
{{- end }}
