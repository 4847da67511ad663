#!/usr/bin/env bash
# Validates the kustomize base, its overlays and the Helm chart in each of its modes with kubeconform against Kubernetes' own JSON Schemas, of
# the oldest supported release and a recent one. Requires Go for kubeconform, pip for the schemas (bundled in kubernetes-validate, so nothing
# is fetched from GitHub), kubectl and helm; fails if one is missing, because nothing would be checked.
set -euo pipefail
cd "$(dirname "$0")/.."
releases=(1.29.0 1.37.0)

for program in go python3 kubectl helm; do
  command -v "$program" >/dev/null || { printf '%s is not installed: nothing was checked\n' "$program" >&2; exit 1; }
done
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
GOBIN="$folder" GOFLAGS= go install github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0 2>"$folder/go.log" || { cat "$folder/go.log" >&2; exit 1; }
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" kubernetes-validate==1.37.0
python3 -m zipfile -e "$folder"/kubernetes_validate-*.whl "$folder"

# Inlines the definitions that the schemas of these kinds reference; as published, they would be fetched from a server.
make_whole() {
  node -e '
    const { readdirSync, readFileSync, writeFileSync } = require("node:fs");
    const [source, target, ...kinds] = process.argv.slice(1);
    const { $defs } = JSON.parse(readFileSync(`${source}/_definitions.json`, "utf8"));
    for (const file of readdirSync(source)) {
      if (!kinds.includes(file.split("-", 1)[0])) continue;
      const text = readFileSync(`${source}/${file}`, "utf8").replaceAll("\"/api/_definitions.json#", "\"#");
      writeFileSync(`${target}/${file}`, JSON.stringify({ ...JSON.parse(text), $defs }));
    }' "$@"
}

# Prints the objects of one target, for a release of Kubernetes: an overlay, or the chart with an example's values.
objects_of() {
  local target="$1" release="$2" chart=deploy/helm/atlas-gateway
  case "$target" in
    deploy/kustomize/*) kubectl kustomize "$target" ;;
    deploy/helm/examples/sidecar)
      rm -rf "$folder/sidecar" && cp -r "$target" "$folder/sidecar" && mkdir "$folder/sidecar/charts" && cp -r "$chart" "$folder/sidecar/charts/"
      helm template orders "$folder/sidecar" --kube-version "$release" ;;
    deploy/helm/examples/*) helm template atlas-gateway "$chart" --kube-version "$release" --values "$target" ;;
    *) helm template atlas-gateway "$target" --kube-version "$release" ;;
  esac
}

targets=(deploy/kustomize/base deploy/kustomize/overlays/*/ deploy/helm/atlas-gateway deploy/helm/examples/*)
for release in "${releases[@]}"; do
  source="$folder/kubernetes_validate/kubernetes-json-schema/v$release-local-strict"
  schemas="$folder/$release"
  mkdir "$schemas"
  for target in "${targets[@]}"; do
    target="${target%/}"
    objects_of "$target" "$release" >"$folder/objects.yaml"
    mapfile -t kinds < <(sed -n 's/^kind: //p' "$folder/objects.yaml" | tr '[:upper:]' '[:lower:]' | sort -u)
    make_whole "$source" "$schemas" "${kinds[@]}"
    # The Prometheus operator's kinds are not part of Kubernetes; test/deploy/manifests.test.ts validates them against types.
    printf '%s on %s: ' "$target" "$release"
    "$folder/kubeconform" -strict -summary -skip PodMonitor,ServiceMonitor,PrometheusRule \
      -schema-location "$schemas/{{.ResourceKind}}{{.KindSuffix}}.json" "$folder/objects.yaml"
  done
done
