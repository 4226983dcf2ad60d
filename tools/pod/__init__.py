"""The Pod of deploy/examples/sidecar, run by podman, and what Kubernetes would do to it: `make pod-check`."""
