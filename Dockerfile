# The graph on the official ROS 2 image, as an ordinary user.
#   docker build -t cil_nodes .                                 ONNX Runtime on the CPU
#   docker build -t cil_nodes:gpu --build-arg RUNTIME=gpu .     on an NVIDIA GPU; run with --gpus all
#   docker run --rm --net host --ipc host -v cil:/home/robot cil_nodes
# --net host and --ipc host let it find, and share memory with, nodes outside the container;
# the volume keeps journal, models and caches. A camera: --device /dev/video0 and source:=device:0.
FROM ros:jazzy-ros-base

ARG RUNTIME=cpu
ENV DEBIAN_FRONTEND=noninteractive

# Ubuntu's image holds a user with number 1000 already.
RUN useradd --create-home --uid 1100 --groups video robot \
    && apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 python3-pip python3-venv \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/cil
COPY ros2_ws/src/cil_msgs/package.xml manifests/cil_msgs/package.xml
COPY ros2_ws/src/cil_nodes/package.xml manifests/cil_nodes/package.xml
RUN apt-get update \
    && rosdep update --rosdistro "$ROS_DISTRO" \
    && rosdep install --from-paths manifests --ignore-src -y -t buildtool -t build -t exec \
    && rm -rf /var/lib/apt/lists/* manifests

COPY . .
RUN chown -R robot:robot /opt/cil
USER robot

# The system's packages stay visible: rclpy, and NumPy 1, for which they are compiled.
# The simulator's ray tracer has wheels for x86-64 only.
# onnxruntime-gpu takes CUDA and cuDNN as wheels, so the image needs no CUDA of its own.
RUN python3 -m venv --system-site-packages .venv \
    && extras=encoders,bags \
    && if [ "$(uname -m)" = x86_64 ]; then extras=$extras,sim; fi \
    && if [ "$RUNTIME" = gpu ]; \
       then .venv/bin/pip install --no-cache-dir "numpy<2" -e ".[$extras]" "onnxruntime-gpu[cuda,cudnn]"; \
       else .venv/bin/pip install --no-cache-dir "numpy<2" -e ".[$extras,$RUNTIME]"; fi

# colcon runs on that environment's Python, so the executables that it writes do too.
RUN . "/opt/ros/$ROS_DISTRO/setup.sh" \
    && cd ros2_ws \
    && ../.venv/bin/python -m colcon build --cmake-args -DBUILD_TESTING=OFF \
    && rm -rf build log

ENTRYPOINT ["/bin/bash", "-c", "source /opt/cil/ros2_ws/install/setup.bash && exec \"$@\"", "--"]
CMD ["ros2", "launch", "cil_nodes", "cil.launch.py"]
