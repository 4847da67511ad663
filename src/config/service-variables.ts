const PORT = 'PORT(_\\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?';
const SERVICE_VARIABLE = new RegExp(`^ATLAS_GATEWAY_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|${PORT})$`);

/**
 * Whether Kubernetes sets this variable in every container of a namespace that has a Service called `atlas-gateway`
 * (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables). Such variables are not settings.
 */
export const isServiceVariable = (variable: string): boolean => SERVICE_VARIABLE.test(variable);
