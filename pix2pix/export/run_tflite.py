"""How measure.py runs a file of TensorFlow Lite."""

from ai_edge_litert.interpreter import Interpreter


def load(path, statistics):
    interpreter = Interpreter(path)
    interpreter.allocate_tensors()
    [given], [made] = interpreter.get_input_details(), interpreter.get_output_details()

    def draw(source):
        interpreter.set_tensor(given['index'], source)
        interpreter.invoke()
        return interpreter.get_tensor(made['index'])
    return draw
