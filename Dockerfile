# One image for the three processes; fly.toml says which one a machine runs. npm run image (test/deploy/run.ts) carries
# out the same steps on a machine without Docker.

FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# no package of ours needs its install script
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM denoland/deno:2.9.6
WORKDIR /app
ENV DENO_DIR=/app/.deno DENO_NO_UPDATE_CHECK=1 DENO_NO_PROMPT=1
COPY --from=packages /app/node_modules node_modules
COPY package.json deno.json ./
COPY src src
COPY workers workers
# compiled once here instead of at every start
RUN deno cache --quiet workers/listener.ts workers/mutations.ts workers/sync.ts workers/sluice.ts
USER deno
# no process may write a file, start a program or load a library
ENTRYPOINT ["deno", "run", "--cached-only", "--no-check", "--allow-net", "--allow-env", "--allow-read", "--allow-sys"]
CMD ["workers/listener.ts"]
EXPOSE 6432 8787 9090
