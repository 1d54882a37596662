// The service of the stand-in system: what it is at `/`, whether it is well at `/healthz`. `version` and `healthy` are
// declared above this text when the system is built. Plain Node, no packages: it runs from the store.
const { rename, writeFile } = require('node:fs/promises');
const http = require('node:http');

const connectionsMax = 64;
const port = Number(process.env.NIXFLEET_SERVICE_PORT);
const readyFile = process.env.NIXFLEET_SERVICE_READY_FILE;

const server = http.createServer({ requestTimeout: 5000 }, (request, response) => {
  const answers = {
    '/': { status: 200, body: { version } },
    '/healthz': { status: healthy ? 200 : 500, body: { healthy, version } },
  };
  const { status, body } = Object.hasOwn(answers, request.url)
    ? answers[request.url]
    : { status: 404, body: { error: 'not found' } };
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(`${JSON.stringify(body)}\n`);
});
server.maxConnections = connectionsMax;

server.on('error', (error) => {
  process.stderr.write(`app ${version}: ${error.message}\n`);
  process.exitCode = 1;
});

server.listen(port, '127.0.0.1', async () => {
  process.stdout.write(`app ${version} listens on 127.0.0.1:${port}\n`);
  if (readyFile === undefined) return;
  await writeFile(`${readyFile}.new`, `${process.pid}\n`);
  await rename(`${readyFile}.new`, readyFile);
});

process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
