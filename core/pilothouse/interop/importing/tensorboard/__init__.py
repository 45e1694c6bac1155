"""Reading TensorBoard's event files, without TensorBoard, TensorFlow or protobuf."""
