/**
 * `node:http` without what an import of it brings along: its export list names Node's WebSocket, whose loading costs an idle
 * agent 6 MB for good.
 */
export const { Agent, request: httpRequest } = process.getBuiltinModule('node:http');
