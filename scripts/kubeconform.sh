#!/usr/bin/env bash
# Validates the kustomize base and its overlays with kubeconform against Kubernetes' own JSON Schemas, of the oldest supported release and a
# recent one. Requires Go for kubeconform, pip for the schemas (bundled in kubernetes-validate, so nothing is fetched from GitHub), and
# kubectl; fails if one is missing, because nothing would be checked.
set -euo pipefail
cd "$(dirname "$0")/.."
releases=(1.29.0 1.37.0)

for program in go python3 kubectl; do
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

for release in "${releases[@]}"; do
  source="$folder/kubernetes_validate/kubernetes-json-schema/v$release-local-strict"
  schemas="$folder/$release"
  mkdir "$schemas"
  for overlay in deploy/kustomize/base deploy/kustomize/overlays/*/; do
    kubectl kustomize "$overlay" >"$folder/objects.yaml"
    mapfile -t kinds < <(sed -n 's/^kind: //p' "$folder/objects.yaml" | tr '[:upper:]' '[:lower:]' | sort -u)
    make_whole "$source" "$schemas" "${kinds[@]}"
    # The Prometheus operator's kinds are not part of Kubernetes; test/deploy/kustomize.test.ts validates them against types.
    printf '%s on %s: ' "${overlay%/}" "$release"
    "$folder/kubeconform" -strict -summary -skip PodMonitor,PrometheusRule \
      -schema-location "$schemas/{{.ResourceKind}}{{.KindSuffix}}.json" "$folder/objects.yaml"
  done
done
