# Two images: `server`, the default, is what runs; `--target migrate` brings a database up to date and ends.
FROM node:24-bookworm-slim AS base
WORKDIR /app
# Where an SQLite file is kept, if that is the database; a volume mounted here belongs to the user who runs the server.
RUN install -d -o node -g node -m 700 /data
ENV NEXT_TELEMETRY_DISABLED=1 DATABASE_URL=file:/data/sarafan.db

FROM base AS build
# better-sqlite3 is compiled where its prebuilt file can't be had.
RUN apt-get update \
  && apt-get install -y --no-install-recommends python3 make g++ \
  && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY . .
RUN BUILD_STANDALONE=true npm run build

FROM build AS migrate
USER node
CMD ["node", "scripts/run.mjs", "migrate"]

FROM base AS server
# The port to publish and to send health checks to; HOST has to be every address of the container for either.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
COPY --from=build /app/.next/standalone ./
# Next wants this folder whenever somebody asks for its image resizer, which is off.
RUN install -d -o node -g node .next/cache
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/api/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "scripts/standalone.mjs"]
