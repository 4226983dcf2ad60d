{{/* Named with the chart's name: a chart that depends on this one shares all names of templates. */}}

{{- define "nativechat-exporter.name" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride }}
{{- else if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "nativechat-exporter.selected" -}}
nativechat-exporter: standalone
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "nativechat-exporter.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* All labels of a resource: called with (list . LABELS). */}}
{{- define "nativechat-exporter.labelsAnd" -}}
{{- mergeOverwrite (include "nativechat-exporter.labels" (index . 0) | fromYaml) (index . 1) | toYaml }}
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
