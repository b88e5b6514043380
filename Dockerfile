# The image of Pratique: a bundle of two scripts on a Node.js without a shell.
# Both bases are arguments, for mirrors and for pinning by digest.
ARG BUILDER=docker.io/library/node:24-bookworm-slim
ARG RUNTIME=gcr.io/distroless/nodejs24-debian12:nonroot

FROM ${BUILDER} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# esbuild is a development dependency, so all are needed here; none of them gets into the image. No script of a package runs.
RUN npm ci --no-audit --no-fund --ignore-scripts
COPY tsconfig.json ./
COPY .ci/bundle.ts .ci/
COPY src ./src
RUN npm run --silent bundle && find dist/bundle -name '*.map' -delete

FROM ${RUNTIME}
# No timestamps: the same commit gives the same labels.
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pratique" \
      org.opencontainers.image.description="Kubernetes admission controller that decides which container images may come ashore" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /build/dist/bundle /app
COPY LICENSE /app/LICENSE
# Where distroless keeps its Node.js, and where others do.
ENV NODE_ENV=production PATH=/nodejs/bin:/usr/local/bin:/usr/bin:/bin
# What is kept should be most of what is held. Left to themselves, Node.js lets the heap grow by the memory of the machine, and glibc
# gives every thread a share of its own and keeps what was freed. 256 MiB are half of the memory that the chart allows.
# With --expose-gc the controller gives back in quiet times what a burst left.
ENV NODE_OPTIONS="--max-old-space-size=256 --max-semi-space-size=4 --expose-gc" MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072
USER 65532:65532
EXPOSE 8443 8080
ENTRYPOINT ["node", "/app/pratique.js"]
