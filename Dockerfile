# Three stages: the web UI, the binary, a small image that runs it. No test builds it; that the build
# copies what it reads is tested (tests/it/containers.rs).

FROM node:22-bookworm-slim AS ui
WORKDIR /src/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY frontend ./
RUN npm run build

FROM rust:1.95-bookworm AS binary
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY backend backend
COPY loadtests loadtests
COPY migrations migrations
COPY openapi openapi
COPY tests tests
COPY --from=ui /src/frontend/dist frontend/dist
ENV SKIP_UI_BUILD=1
RUN cargo build --release --locked --package headroom-server

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /data headroom && mkdir /data && chown headroom /data
COPY --from=binary /src/target/release/headroom /usr/local/bin/headroom
COPY LICENSE NOTICE /usr/share/doc/headroom/
USER headroom
WORKDIR /data
VOLUME /data
EXPOSE 8080
ENV HEADROOM_DATA=/data HEADROOM_LISTEN=0.0.0.0:8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD \
    ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["headroom"]
CMD ["up"]
