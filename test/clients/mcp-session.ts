import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

/** What a tool answered: text for people and for the model. */
export interface ToolResult {
  readonly isError?: boolean;
  readonly content: readonly { readonly text?: string }[];
}

interface Results {
  readonly tools?: readonly { readonly name: string }[];
}

interface Message extends ToolResult, Results {}

/** A server of the Model Context Protocol that was started with this command, over stdio: one JSON-RPC message a line. */
export function startMcpServer(program: string, args: readonly string[], env: Record<string, string>) {
  const child: ChildProcessWithoutNullStreams = spawn(program, args, { env: { ...process.env, ...env } });
  const waiting = new Map<number, { resolve: (result: Message) => void; reject: (error: Error) => void }>();
  let [sent, err] = [0, ''];
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  function receive(line: string): void {
    const { id, result, error }: { id?: number; result: Message; error?: { message: string } } =
      JSON.parse(line);
    const asked = id === undefined ? undefined : waiting.get(id);
    if (error === undefined) asked?.resolve(result);
    else asked?.reject(new Error(error.message));
  }
  // Not with readline, which also ends lines at U+2028 and U+2029: these are ordinary characters of JSON.
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) receive(line);
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  ended.then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`the server ended: ${err}`));
  });

  const send = (message: object) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  function ask(method: string, params: object): Promise<Message> {
    const id = ++sent;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      send({ id, method, params });
    });
  }

  return {
    async initialize(): Promise<void> {
      const clientInfo = { name: 'atlas-gateway-test', version: '1.0.0' };
      await ask('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
      send({ method: 'notifications/initialized' });
    },
    async listTools(): Promise<readonly string[]> {
      const { tools = [] } = await ask('tools/list', {});
      return tools.map(({ name }) => name);
    },
    callTool: (name: string, given: object): Promise<ToolResult> =>
      ask('tools/call', { name, arguments: given }),
    async stop(): Promise<void> {
      child.stdin.end();
      child.kill();
      await ended;
    },
  };
}

export type McpServer = ReturnType<typeof startMcpServer>;
