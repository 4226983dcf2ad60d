{{/* Named with the chart's name: a chart that depends on this one shares all names of templates. */}}

{{- define "nativechat-exporter.name" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride }}
{{- else if contains .Chart.Name .Release.Name }}{{ .Release.Name | replace "." "-" | trunc 52 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | replace "." "-" | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "nativechat-exporter.selected" -}}
nativechat-exporter: standalone
app.kubernetes.io/name: {{ .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "nativechat-exporter.labels" -}}
{{- include "nativechat-exporter.labelsAnd" (list . dict) }}
{{- end }}

{{/* All labels of a resource: called with (list . LABELS). */}}
{{- define "nativechat-exporter.labelsAnd" -}}
{{- with index . 0 }}
{{- $ours := dict "app.kubernetes.io/name" .Chart.Name "app.kubernetes.io/instance" .Release.Name "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/managed-by" .Release.Service }}
{{- mergeOverwrite $ours (.Values.commonLabels | default dict) (index $ 1 | default dict) | toYaml }}
{{- end }}
{{- end }}

{{/* The container's variables: ours, but for those that extraEnv sets, because a name may occur once. */}}
{{- define "nativechat-exporter.env" -}}
{{- $ours := dict "NATIVECHAT_EXPORTER_CONFIG_FILE" "/etc/nativechat-exporter/config.yaml" "NATIVECHAT_EXPORTER_LOG_FORMAT" "json" }}
{{- if gt (int .Values.shards) 1 }}
{{- $_ := set $ours "NATIVECHAT_EXPORTER_SHARD_TOTAL" (toString .Values.shards) }}
{{- $_ := set $ours "NATIVECHAT_EXPORTER_SHARD_ORDINAL" "hostname" }}
{{- end }}
{{- if .Values.web.secret }}
{{- $_ := set $ours "NATIVECHAT_EXPORTER_WEB_CONFIG_FILE" "/etc/nativechat-exporter-web/web.yaml" }}
{{- end }}
{{- range .Values.extraEnv }}{{ $_ := unset $ours .name }}{{ end }}
{{- $env := list }}
{{- range $name, $value := $ours }}{{ $env = append $env (dict "name" $name "value" $value) }}{{ end }}
{{- concat $env (.Values.extraEnv | default list) | toYaml }}
{{- end }}

{{- define "nativechat-exporter.image" -}}
{{- with .Values.global.imageRegistry | default .Values.image.registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "nativechat-exporter.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "nativechat-exporter.name" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{/* What the program printed for a configuration: called with (list . VALUE FILE), where FILE is for the shipped one. */}}
{{- define "nativechat-exporter.printed" -}}
{{- $root := index . 0 }}{{ $content := index . 1 }}{{ $file := index . 2 }}
{{- if $content }}{{ $content }}
{{- else if or $root.Values.config $root.Values.configMap }}
{{- fail (printf "%s is for the configuration we ship, and you set your own: print it with nativechat-exporter, and pass it as `content`" $file) }}
{{- else }}{{ $root.Files.Get $file }}{{ end }}
{{- end }}
