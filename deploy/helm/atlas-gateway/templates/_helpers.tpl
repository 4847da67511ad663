{{- define "atlas-gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of the release's objects: the release's own name where it contains the chart's. */}}
{{- define "atlas-gateway.fullname" -}}
{{- $name := include "atlas-gateway.name" . -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "atlas-gateway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "atlas-gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "atlas-gateway.labels" -}}
{{ include "atlas-gateway.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: atlas-gateway
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* metadata.annotations of an object: the common ones, and its own (a map). */}}
{{- define "atlas-gateway.annotations" -}}
{{- $all := merge (dict) (.own | default dict) .root.Values.commonAnnotations -}}
{{- with $all }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "atlas-gateway.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{- define "atlas-gateway.secretName" -}}
{{- .Values.secrets.existingSecret | default (include "atlas-gateway.fullname" .) }}
{{- end }}

{{- define "atlas-gateway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "atlas-gateway.fullname" .) }}
{{- else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{/* Where links in answers lead, unless the configuration says so itself. */}}
{{- define "atlas-gateway.publicUrl" -}}
{{- $scheme := empty (dig "listen" "tls" "" .Values.config) | ternary "http" "https" -}}
{{- if eq .Values.mode "sidecar" -}}
{{ $scheme }}://127.0.0.1:8080
{{- else if .Values.ingress.enabled -}}
{{- $first := first .Values.ingress.hosts -}}
{{ empty .Values.ingress.tls | ternary "http" "https" }}://{{ $first.host }}{{ $first.path | default "/" | trimSuffix "/" }}
{{- else -}}
{{ $scheme }}://{{ include "atlas-gateway.fullname" . }}:{{ .Values.service.port }}
{{- end -}}
{{- end }}

{{/* The whole configuration: the chart's defaults under the user's. */}}
{{- define "atlas-gateway.config" -}}
{{- $files := "/run/secrets/atlas-gateway" -}}
{{- $sidecar := eq .Values.mode "sidecar" -}}
{{- $defaults := dict
  "listen" (dict "host" ($sidecar | ternary "127.0.0.1" "0.0.0.0") "publicUrl" (include "atlas-gateway.publicUrl" .))
  "admin" (dict "host" "0.0.0.0" "token" (dict "file" (printf "%s/admin-token" $files)))
  "drain" ($sidecar | ternary (dict "delay" "0s" "deadline" "5s") (dict "delay" "5s" "deadline" "20s"))
-}}
{{- if not $sidecar -}}
{{- $_ := set $defaults "tokens" (dict "signingKey" (dict "file" (printf "%s/token-signing-key" $files))) -}}
{{- end -}}
{{- with .Values.redis -}}
{{- if .enabled -}}
{{- $url := empty .address | ternary (dict "file" (printf "%s/%s" $files .urlKey)) (dict "env" "REDIS_URL") -}}
{{- $key := dict "file" (printf "%s/%s" $files .encryptionKeyKey) -}}
{{- $_ := set $defaults "cache" (dict "shared" (dict "url" $url "encryptionKey" $key)) -}}
{{- /* Tokens and nonces are signed with a key made of the shared one. */ -}}
{{- $_ := unset $defaults "tokens" -}}
{{- end -}}
{{- end -}}
{{- toYaml (mergeOverwrite $defaults (deepCopy .Values.config)) -}}
{{- end }}

{{/* HTTPS or HTTP, as the section (`listen` or `admin`) of the configuration says. */}}
{{- define "atlas-gateway.scheme" -}}
{{- empty (dig .section "tls" "" .root.Values.config) | ternary "HTTP" "HTTPS" }}
{{- end }}

{{/*
A probe of `path`. The admin port answers it, unless it asks for a client certificate, which the kubelet does not have; then the public
port does. In a sidecar the public port is on loopback, so only the admin port can be asked.
*/}}
{{- define "atlas-gateway.probe" -}}
{{- $clientCa := dig "admin" "tls" "clientCa" "" .root.Values.config -}}
{{- $byPublic := and (not (empty $clientCa)) (ne .root.Values.mode "sidecar") -}}
httpGet:
  path: {{ .path }}
  port: {{ $byPublic | ternary "http" (.adminPort | default "admin") }}
  {{- $scheme := include "atlas-gateway.scheme" (dict "root" .root "section" ($byPublic | ternary "listen" "admin")) }}
  {{- if eq $scheme "HTTPS" }}
  scheme: HTTPS
  {{- end }}
{{- end }}

{{- define "atlas-gateway.containerSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "atlas-gateway.env" -}}
{{- if and .Values.redis.enabled .Values.redis.address }}
- { name: REDIS_URL, value: {{ .Values.redis.address | quote }} }
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Volumes and mounts: whole folders, because a file mounted by subPath is never updated. */}}
{{- define "atlas-gateway.mounts" -}}
- { name: atlas-gateway-config, mountPath: /etc/atlas-gateway, readOnly: true }
- { name: atlas-gateway-secrets, mountPath: /run/secrets/atlas-gateway, readOnly: true }
{{- range .Values.secrets.extra }}
- { name: {{ printf "secret-%s" . }}, mountPath: {{ printf "/run/secrets/%s" . }}, readOnly: true }
{{- end }}
{{- end }}

{{- define "atlas-gateway.volumes" -}}
- name: atlas-gateway-config
  configMap: { name: {{ include "atlas-gateway.fullname" . }} }
- name: atlas-gateway-secrets
  secret: { secretName: {{ include "atlas-gateway.secretName" . }}, defaultMode: 0440 }
{{- range .Values.secrets.extra }}
- name: {{ printf "secret-%s" . }}
  secret: { secretName: {{ . }}, defaultMode: 0440 }
{{- end }}
{{- end }}

{{/*
For the pod of a program that the gateway accompanies: an item of its `initContainers`. From a chart that depends on this one:
  {{- include "atlas-gateway.sidecar.container" (index .Subcharts "atlas-gateway") | nindent 8 }}
*/}}
{{- define "atlas-gateway.sidecar.container" -}}
- name: atlas-gateway
  image: {{ include "atlas-gateway.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  # A native sidecar: it is ready before the program starts and ends after it.
  restartPolicy: Always
  args: [serve, --config, /etc/atlas-gateway/gateway.yaml]
  env:
    # The image listens on every address unless it is told otherwise.
    - { name: ATLAS_GATEWAY_LISTEN_HOST, value: {{ dig "listen" "host" "127.0.0.1" .Values.config | quote }} }
    {{- include "atlas-gateway.env" . | nindent 4 }}
  ports:
    - { name: gateway-admin, containerPort: 9090 }
  startupProbe:
    {{- include "atlas-gateway.probe" (dict "root" . "path" "/readyz" "adminPort" "gateway-admin") | nindent 4 }}
    periodSeconds: 1
    failureThreshold: 30
  livenessProbe:
    {{- include "atlas-gateway.probe" (dict "root" . "path" "/healthz" "adminPort" "gateway-admin") | nindent 4 }}
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 3
  # No readinessProbe: the program decides whether its pod is ready.
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  securityContext:
    {{- include "atlas-gateway.containerSecurityContext" . | nindent 4 }}
  volumeMounts:
    {{- include "atlas-gateway.mounts" . | nindent 4 }}
{{- end }}

{{/* Items of the same pod's `volumes`. The pod needs securityContext.fsGroup: 65532, which lets the gateway read its Secret. */}}
{{- define "atlas-gateway.sidecar.volumes" -}}
{{ include "atlas-gateway.volumes" . }}
{{- end }}
