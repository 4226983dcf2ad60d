# The image of nativechat-exporter: Python, the pinned packages, this one, and nothing more.

# By digest, and Dependabot moves it. `--build-context base=docker-image://…` (docker) or `--from …`
# (podman) takes another.
FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS base

FROM base AS build
WORKDIR /build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python3 -m venv --without-pip tools && python3 -m venv --without-pip /opt/nativechat-exporter
COPY constraints/build.txt constraints/runtime.txt ./
# Both secrets may be left out: pip's configuration, and certificates that it names as /run/secrets/ca.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca \
    python3 -m pip --python tools/bin/python install --require-hashes --only-binary :all: -r build.txt && \
    python3 -m pip --python /opt/nativechat-exporter/bin/python install --require-hashes --only-binary :all: \
        --no-compile -r runtime.txt
COPY LICENSE README.md config.schema.json config.yaml pyproject.toml ./
COPY exporter exporter
# Byte-code that is never compared with its source: it holds wherever and whenever the files are copied.
RUN tools/bin/python -m hatchling build -t wheel -d dist && \
    python3 -m pip --python /opt/nativechat-exporter/bin/python install --no-compile --no-deps --no-index dist/*.whl && \
    rm -r /opt/nativechat-exporter/lib/python3*/site-packages/exporter/simulator && \
    python3 -m compileall -q --invalidation-mode unchecked-hash /opt/nativechat-exporter/lib

FROM base
# Whoever has a shell here installs nothing.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/ensurepip /usr/local/lib/python3*/site-packages/pip* \
    /usr/bin/pip* /usr/lib/python3*/ensurepip /usr/lib/python3/dist-packages/pip*
COPY --from=build /opt/nativechat-exporter /opt/nativechat-exporter
COPY config.yaml /etc/nativechat-exporter/
ENV PATH=/opt/nativechat-exporter/bin:$PATH \
    NATIVECHAT_EXPORTER_CONFIG_FILE=/etc/nativechat-exporter/config.yaml
# The base has no byte-code of the standard library: this leaves that of the modules we use.
RUN ["python", "-c", "import exporter.cli.count, exporter.cli.healthcheck, exporter.cli.history, exporter.cli.run"]
ENV PYTHONDONTWRITEBYTECODE=1

ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="nativechat-exporter" \
      org.opencontainers.image.description="Prometheus exporter for NativeChat: counts of conversations and messages as gauges." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

USER 65532:65532
EXPOSE 10054
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["nativechat-exporter", "healthcheck"]
ENTRYPOINT ["nativechat-exporter"]
CMD ["run"]
